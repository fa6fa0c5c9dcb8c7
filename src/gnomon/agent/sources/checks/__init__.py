"""Pull sources, one module (or package) each; see core/component.py."""
