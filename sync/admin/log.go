package admin

// The keys of the log lines.
const (
	keyPortal = "portal"
	keyMode   = "mode"
	keyUID    = "uid"
	keyPID    = "pid"
	keyPanic  = "panic"
	keyStack  = "stack"
)
