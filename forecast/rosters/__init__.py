"""From required agents to shifts of people: contracts, wishes, fairness, swaps, adherence."""
