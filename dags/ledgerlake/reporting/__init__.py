"""What people and alarms are told of a run."""
