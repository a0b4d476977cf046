//! Scenario files and small programs; see each file.
