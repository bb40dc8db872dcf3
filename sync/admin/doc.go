// Package admin is the daemon's private side: the socket through which the
// other commands reach it, and the read-only pages of admin_listen.
//
// The daemon locks every portal's state file, so commands cannot open it and
// ask the daemon instead. [Service] lists what they can ask for. The daemon
// implements it and serves it:
//
//	l, err := admin.Listen(filepath.Join(stateDir, "admin.sock"))
//	err = admin.Serve(ctx, l, admin.Handler(ctx, service, admin.Options{Usage: isUsage, Logger: log}), log)
//
// A command talks to the same service over the socket; if Dial returns
// [ErrNotRunning], it does the work itself:
//
//	service, err := admin.Dial(filepath.Join(stateDir, "admin.sock"))
//	report, err := service.Run(ctx, "acme", giftsync.Request{Mode: giftsync.Incremental}, admin.Watcher{})
//
// # The socket
//
// Only the user that the daemon runs as may use it: the socket has mode 0600
// in a directory of mode 0700, and on Linux both ends ask the kernel for the
// user id of the other one. The protocol is HTTP/1.1 between programs of one
// version:
//
//	GET  /v1/status                 {"portals": […]}
//	POST /v1/run?portal=acme        a request → lines of waiting, progress and changes, then one end
//	POST /v1/stop?portal=acme       {"stopped": true}
//	POST /v1/stats?portal=acme      a filter → a report
//	GET  /v1/quarantine?portal=acme lines of records and groups, then one end
//	POST /v1/quarantine/show?portal=acme  {"key": …} → a record with its row
//	POST /v1/quarantine/drop?portal=acme  {"keys": […]} → {"dropped": 2}
//	GET  /v1/check?portal=acme      {"findings": […]}
//	POST /v1/events?portal=acme     a query → a list of webhook events
//	POST /v1/replay?portal=acme     {"seqs": […]} → {"replayed": 2}
//	POST /v1/connect?portal=acme    a link for an admin of the HubSpot account
//	POST /v1/connect/wait?portal=acme  {"ticket": …} → what came of the link, once it is known
//	POST /v1/disconnect?portal=acme what was ended
//	POST /v1/reseal?portal=acme     {"resealed": true, "key_id": "…"}
//	POST /v1/runs?portal=acme       {"limit": 50} → a list of runs
//	POST /v1/audit?portal=acme      a query → lines of entries, then one end
//	POST /v1/audit/verify?portal=acme  {"head": …} → what was found
//	POST /v1/held?portal=acme       {"email": …} → what is held of a person
//	POST /v1/erase?portal=acme      a person → what was done
//	POST /v1/backup?portal=acme     the bytes of the state file
//	POST /v1/compact?portal=acme    its size before and after
//
// A list that may be long is sent in lines of a few hundred elements, so that
// neither end holds it twice. An answer without its end was cut off.
//
// # The pages
//
// [Pages] answers GET alone, and changes nothing: the page with the statistics,
// /stats.json, /healthz, /readyz and /metrics. The request's Host must be one of the configured names. A web
// page that makes the browser call us by its own name (DNS rebinding) gets
// nothing.
package admin
