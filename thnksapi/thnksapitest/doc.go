// Package thnksapitest emulates the Thnks API as this project assumes it, and
// generates transactions to fill it with. Tests, the sandbox and the demo use
// it in place of Thnks.
//
// A [Server] is an http.Handler with state: it lists transactions, oldest
// change first, returns single ones, and accepts gift requests. Serve it on a
// listener, or without one through [Transport]:
//
//	s := thnksapitest.New(thnksapitest.Options{})
//	s.Add(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 3000, Recipients: 600, End: time.Now()})...)
//	client := &http.Client{Transport: thnksapitest.Transport(s)}
//
// [Server.Subscribe] makes it post signed events, as reliably as a [Webhook]
// says; [NewEvent] and [Scheme] make single requests for the tests of an
// endpoint. [ThyngsMessage] and [ThriveMessage] are what the senders of two other
// systems post, which a [Sender] of [NewSender] does.
//
// [Shape] makes its API differ from the assumed one, and [Fault] makes it fail.
// Its only clock is time.Now, so it works in a testing/synctest bubble as well
// as in real time.
package thnksapitest
