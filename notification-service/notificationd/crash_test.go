package notificationd_test

const childEnv = "NOTIFICATIOND_CHILD"

func child() {}
