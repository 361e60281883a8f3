"""Words of the domain: frozen values that only the standard library is needed for."""
