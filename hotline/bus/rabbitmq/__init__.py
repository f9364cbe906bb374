"""The bus over RabbitMQ (aio-pika): see docs/adr/0007-bus.md."""
