// Package listen accepts connections for an HTTP server, so that neither clients
// that hold connections without using them nor a shortage of the system keeps
// others out:
//
//	places := listen.New(listener, listen.Options{Places: 2048, PerPeer: 64, …})
//	srv := &http.Server{ConnState: places.ConnState, …}
//	err := srv.Serve(places)
//
// A connection waits while it has no request under way: from when it is accepted
// until the whole header of a request has arrived, and again after each answer.
// When places run short, connections that wait are closed for the next one, of the
// peer that has most connections. A request under way is never cut off, nor does a
// peer take the place of one that has fewer connections.
//
// A [Gate] is the server's handler where what answers is exchanged while requests
// come.
package listen
