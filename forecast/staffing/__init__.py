"""From forecast to agents: Erlang C and A over the predictive distribution, targets, shrinkage, what-if."""
