"""What clients of one API of model servers say, as services of another have it, and their answers back.  Values only: no bytes are sent."""
