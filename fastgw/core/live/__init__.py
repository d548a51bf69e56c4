"""What outlives snapshots: endpoints with their pools, by key, and what is known of each."""
