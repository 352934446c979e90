"""What happens to the machine: sleep, clocks that are set, other networks; and its buses."""
