"""What a model would have said: rolling origins, scores, and the choice that follows from them."""
