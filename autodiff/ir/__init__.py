"""What a program is: values, literals, instructions and closed blocks."""
