package main

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strings"

	"github.com/google/uuid"
)

// enter logs somebody in, makes an account, or moves one into another
// organisation.
func (l *load) enter(ctx context.Context, rng *rand.Rand, who *account) {
	switch n := rng.IntN(10); {
	case n < 5:
		l.logIn(rng, who)
	case n < 7:
		l.enrol(ctx)
	default:
		if p := l.somePerson(rng); p != nil {
			l.move(p)
		}
	}
}

// logIn logs in with an account that is there, and so has to be let in.
func (l *load) logIn(rng *rand.Rand, who *account) {
	if p := l.somePerson(rng); p != nil && rng.IntN(2) == 0 {
		who = p.who
	}
	if a := l.login(who); !a.unsure() && a.status != http.StatusOK {
		l.saw("loss", who.id, "the login of %s was answered %v", who.email, a)
	}
}

// enrol makes an account, and asks again while that is in doubt: its address
// is unique, so there cannot be two.
func (l *load) enrol(ctx context.Context) {
	p := &person{who: &account{email: "chaos-" + uuid.NewString() + "@people.example", password: password}}
	l.do(func() { l.people = append(l.people, p) })
	body, _ := json.Marshal(map[string]string{"email": p.who.email, "password": password}) // of strings alone
	r := request{method: http.MethodPost, url: l.Auth + "/api/auth/register", body: body}
	a := l.send(r)
	first := !a.unsure()
	for i := 0; i < again && a.unsure() && wait(ctx, againPause); i++ {
		a = l.send(r)
	}
	var in session
	switch {
	case a.unsure():
	case a.status == http.StatusConflict && !first:
		l.ack(func() { p.sure = true }) // who it is comes with the first login
	case a.read(&in) != nil:
		l.odd(p.who.email, r, a)
	default:
		l.ack(func() { p.sure, p.who.id = true, in.User.ID })
		p.who.hold(in.Token)
	}
}

// move has the admin create an organisation and put an account into it.
func (l *load) move(p *person) {
	m := &move{organisation: "chaos-" + strings.ReplaceAll(uuid.NewString(), "-", "")}
	made, _ := json.Marshal(newOrganisation(m.organisation)) // of strings alone
	create := request{who: l.admin, method: http.MethodPost, url: l.Auth + "/api/auth/organisations", body: made}
	if a := l.send(create); a.unsure() {
		return
	} else if a.read(new(any)) != nil {
		l.odd(m.organisation, create, a)
		return
	}
	l.do(func() { p.moves = append(p.moves, m) })
	body, _ := json.Marshal(map[string]string{"organisation": m.organisation}) // of strings alone
	r := request{who: l.admin, method: http.MethodPatch, url: l.Auth + "/api/auth/users/" + p.who.id, body: body}
	a := l.send(r)
	switch {
	case a.unsure(), a.status == http.StatusConflict: // an earlier one that was in doubt came between
	case a.read(new(any)) != nil:
		l.odd(p.who.id, r, a)
	default:
		l.ack(func() { m.sure = true })
	}
}
