"""What the scenario ``grpc`` is made of: its service, its peers, and what is asked of them."""
