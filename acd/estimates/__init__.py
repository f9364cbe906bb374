"""How long callers will wait: learned from what happened, estimated on demand, measured against what came. Pure."""
