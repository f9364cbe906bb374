"""One call in its flow: the walk from step to step."""
