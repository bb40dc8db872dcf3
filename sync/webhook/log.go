package webhook

// The keys of the log lines.
const (
	keyPortal  = "portal"
	keyDialect = "dialect"
	keyReason  = "reason"
	keyForm    = "form"
	keyClock   = "clock"
	keyClient  = "client"
	keyKind    = "kind"
	keyEffect  = "effect"
	keyRepeats = "repeats"
	keyApp     = "app"
	keyAccount = "account"
	keyCount   = "count"
	keyWithin  = "within"
	keyError   = "error"
	keyPanic   = "panic"
	keyStack   = "stack"
)
