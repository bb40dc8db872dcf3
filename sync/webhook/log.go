package webhook

// The keys of the log lines.
const (
	keyPortal    = "portal"
	keyDialect   = "dialect"
	keyReason    = "reason"
	keyKind      = "kind"
	keyEffect    = "effect"
	keyDuplicate = "duplicate"
	keyCount     = "count"
	keyWithin    = "within"
	keyError     = "error"
	keyPanic     = "panic"
	keyStack     = "stack"
)
