"""The figures of the report: each module turns numbers computed elsewhere into a drawing."""
