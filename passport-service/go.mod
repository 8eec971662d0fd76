module github.com/battery-passport/suite/passport-service

go 1.26.0
