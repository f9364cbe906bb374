"""How services tell each other what happened: `memory` inside one process, `rabbitmq` between several."""
