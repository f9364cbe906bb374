"""Those who serve: who they are, where they sit, what state they are in and what moves them."""
