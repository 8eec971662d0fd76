package documentd_test

const childEnv = "DOCUMENTD_CHILD"

func runChild(string) error { return nil }
