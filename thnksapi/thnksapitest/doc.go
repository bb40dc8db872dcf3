// Package thnksapitest emulates the Thnks API as this project assumes it, and
// generates transactions to fill it with.
//
// A [Server] is an http.Handler with state: it lists transactions, oldest
// change first, shows single ones, and accepts gift requests. Serve it on a
// listener, or without one through [Transport]:
//
//	s := thnksapitest.New(thnksapitest.Options{})
//	s.Add(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 3000, Recipients: 600, End: time.Now()})...)
//	client := &http.Client{Transport: thnksapitest.Transport(s)}
//
// [Server.Subscribe] makes it post signed events, as well or as badly as a
// [Webhook] says; [NewEvent] and [Scheme] make single requests for the tests of
// an endpoint.
//
// [Shape] makes it speak otherwise than assumed, and [Fault] makes it fail.
// Its only clock is time.Now, so that it lives in a testing/synctest bubble
// as well as in a demonstration.
package thnksapitest
