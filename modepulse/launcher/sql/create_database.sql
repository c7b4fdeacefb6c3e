-- The name is put in by the caller, which has it as a constant: CREATE DATABASE takes no parameters.
CREATE DATABASE {name}
