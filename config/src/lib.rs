//! One configuration file to one valid Config, or every problem in it at once: pure.
