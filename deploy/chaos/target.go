package main

import "context"

// target is a suite together with its parts that can fail.
type target struct {
	place
	parts []*part
	dir   string // data and logs; empty: they are elsewhere
	close func()
}

// place says where a suite answers and where its side effects can be checked.
type place struct {
	Auth, Passport, Document, Notification string // URLs

	AdminEmail, AdminPassword string

	Brokers   []string
	S3        storage
	SweepSoon bool   // the document-service removes abandoned objects while chaos waits
	Files     string // folder of the text files
}

// storage is the S3 server of a suite.
type storage struct{ Endpoint, Bucket, Region, KeyID, Secret string }

// part fails independently of others: a process, a container or a connection.
type part struct {
	name string
	deck []disruption // what happens to it in three rounds of the plan
	busy chan struct{}
}

// disruption is one way to fail. Inject and heal return when they are done.
type disruption struct {
	kind         string
	brief        bool // it is healed at once
	inject, heal func(context.Context) error
}

func newPart(name string, deck ...disruption) *part {
	return &part{name: name, deck: deck, busy: make(chan struct{}, 1)}
}

// machine runs a program: a process or a container.
type machine interface {
	Kill(context.Context) error   // SIGKILL
	Stop(context.Context) error   // SIGTERM, and waits for the end
	Start(context.Context) error  // after Kill and Stop
	Pause(context.Context) error  // freezes it; its connections stay open
	Resume(context.Context) error // after Pause
}

// machinePart is killed in each round, and once stopped, paused and restarted.
func machinePart(name string, m machine, more ...disruption) *part {
	kill := disruption{kind: "kill", inject: m.Kill, heal: m.Start}
	return newPart(name, append([]disruption{
		kill, kill, kill,
		{kind: "stop", inject: m.Stop, heal: m.Start},
		{kind: "pause", inject: m.Pause, heal: m.Resume},
		{kind: "restart", brief: true, inject: m.Stop, heal: m.Start},
	}, more...)...)
}
