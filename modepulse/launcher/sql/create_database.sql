-- CREATE DATABASE takes no parameters; {name} is a constant of the code.
CREATE DATABASE {name}
