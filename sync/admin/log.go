package admin

// The keys of the log lines.
const (
	keyPortal = "portal"
	keyMode   = "mode"
	keyUID    = "uid"
	keyPID    = "pid"
	keyCount  = "count"
	keyClient = "client"
	keyError  = "error"
	keyPanic  = "panic"
	keyStack  = "stack"
)
