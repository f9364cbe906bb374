"""The AMI link: panoramisk behind a guard, with our own codec and typed messages."""
