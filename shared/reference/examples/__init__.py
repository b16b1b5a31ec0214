"""Examples of every rule as data: one that passes and one that the rule finds. Read by ``shared.rule_examples``."""
