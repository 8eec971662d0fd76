module github.com/battery-passport/suite/deploy

go 1.26.0
