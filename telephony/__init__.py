"""The one door to Asterisk: AMI link, messages to facts, commands to actions, adoption after a gap, private Asterisk."""
