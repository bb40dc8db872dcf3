package configs

import "net/mail"

// Notices say who gets a notice when a portal needs attention, is well again, or has finished
// its first backfill. Each channel may be left out.
type Notices struct {
	// SlackURLFile names the file with the address of an incoming webhook of Slack,
	// which is a secret.
	SlackURLFile string `yaml:"slack_url_file"`
	SMTP         *SMTP  `yaml:"smtp"`
}

// SMTP is a mail server and what goes through it.
type SMTP struct {
	Host string `yaml:"host"`
	Port int    `yaml:"port"`
	// TLS is SMTPStartTLS, SMTPTLS or SMTPPlain; the last to this machine alone.
	TLS          string   `yaml:"tls"`
	User         string   `yaml:"user"` // "" where the server asks for no password
	PasswordFile string   `yaml:"password_file"`
	From         string   `yaml:"from"`
	To           []string `yaml:"to"`
}

// The values of [SMTP.TLS].
const (
	SMTPStartTLS = "starttls" // begin plain and switch to TLS, which the server must offer
	SMTPTLS      = "tls"      // TLS from the beginning
	SMTPPlain    = "none"
)

func (s *SMTP) setDefaults() { *s = SMTP{Port: 587, TLS: SMTPStartTLS} }

func (r *report) notices(n Notices) {
	if n.SlackURLFile != "" {
		r.file("notices.slack_url_file", n.SlackURLFile)
	}
	s := n.SMTP
	if s == nil {
		return
	}
	const at = "notices.smtp."
	r.required(at+"host", s.Host)
	if s.Port < 1 || s.Port > 65535 {
		r.add(at+"port", "not a port", "give 587 for starttls, 465 for tls, or what your mail server has")
	}
	r.oneOf(at+"tls", s.TLS, SMTPStartTLS, SMTPTLS, SMTPPlain)
	if s.TLS == SMTPPlain && !loopback(s.Host) {
		r.add(at+"host", "another machine, and tls is none", "choose starttls or tls")
	}
	switch {
	case s.User != "":
		r.file(at+"password_file", s.PasswordFile)
	case s.PasswordFile != "":
		r.add(at+"user", "missing, and there is a password_file", "give both, or neither")
	}
	r.mailbox(at+"from", s.From)
	if len(s.To) == 0 {
		r.add(at+"to", "missing", "give at least one address")
	}
	for i, to := range s.To {
		r.mailbox(item(at+"to", i), to)
	}
}

// mailbox checks an address of e-mail.
func (r *report) mailbox(key, value string) {
	if a, err := mail.ParseAddress(value); err != nil || a.Address != value {
		r.add(key, "not an address", "write it like ops@example.com")
	}
}
