// Package admin is the daemon's private side: the socket through which the
// other commands reach it, and the read-only pages of admin_listen.
//
// The daemon holds every portal's state file, so whoever wants something of a
// portal asks the daemon. What can be asked for is a [Desk]. The daemon has
// one and serves it:
//
//	l, err := admin.Listen(filepath.Join(stateDir, "admin.sock"))
//	err = admin.Serve(ctx, l, desk, admin.Options{Usage: isUsage, Logger: log})
//
// A command that finds the daemon running gets the same desk from afar, and
// one that does not, [ErrNotRunning], does the work itself:
//
//	desk, err := admin.Dial(filepath.Join(stateDir, "admin.sock"))
//	report, err := desk.Run(ctx, "acme", giftsync.Request{Mode: giftsync.Incremental}, admin.Watcher{})
//
// # The socket
//
// Only the user that the daemon runs as may use it: the socket has mode 0600
// in a directory of mode 0700, and on Linux both ends ask the kernel who the
// other one is. The protocol is HTTP/1.1 between programs of one version:
//
//	GET  /v1/status                 {"portals": […]}
//	POST /v1/run?portal=acme        a request; lines of waiting, progress and changes, then one end
//	POST /v1/stop?portal=acme       {"stopped": true}
//	GET  /v1/stats?portal=acme      a report
//	GET  /v1/quarantine?portal=acme lines of records and groups, then one end
//	GET  /v1/check?portal=acme      {"findings": […]}
//
// A list that may be long is sent in lines of a few hundred elements, so that
// neither end holds it twice. An answer without its end was cut off.
//
// # The pages
//
// [Private] answers GET alone, and changes nothing: /healthz, /readyz and
// /stats.json, to callers that name it by a name it has. A browser that was
// lured to it by a name of somebody else's gets nothing.
package admin
