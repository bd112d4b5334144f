"""A study that takes two seconds, in a project of its own: what running and reporting are tested on."""
