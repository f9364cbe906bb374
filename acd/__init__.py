"""Call distribution: who answers whom. A pure router in a service that carries out what it decides."""
