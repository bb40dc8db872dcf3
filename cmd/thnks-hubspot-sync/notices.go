package main

import (
	"maps"
	"path/filepath"
	"slices"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/sync/daemon"
	"thnks-hubspot-sync/sync/notice"
)

// notifier returns what tells people how the daemon's portals stand, nil where the
// configuration names no channel.
func (s *session) notifier() (*notice.Notifier, error) {
	channels := make(map[string]notice.Channel)
	read := func(file string) func() (string, error) {
		return func() (string, error) {
			secret, err := s.cfg.ReadSecret(file)
			return secret.Reveal(), err
		}
	}
	if file := s.cfg.Notices.SlackURLFile; file != "" {
		channels["slack"] = notice.Slack{URL: read(file)}
	}
	if m := s.cfg.Notices.SMTP; m != nil {
		channels["smtp"] = notice.Mail{
			Host: m.Host, Port: m.Port, Security: security[m.TLS], User: m.User, Password: read(m.PasswordFile), From: m.From, To: m.To,
		}
	}
	if len(channels) == 0 {
		return nil, nil
	}
	return notice.Open(filepath.Join(s.cfg.StateDir, "notices"), channels, s.log)
}

// security are the words of the configuration in those of package notice.
var security = map[string]string{configs.SMTPStartTLS: notice.STARTTLS, configs.SMTPTLS: notice.TLS, configs.SMTPPlain: notice.Plain}

// standings says how the daemon's portals stand, for notices.
func standings(all []daemon.Figures) []notice.Standing {
	standings := make([]notice.Standing, len(all))
	for i, f := range all {
		faults := slices.Sorted(maps.Keys(f.Faults))
		faults = slices.DeleteFunc(faults, func(kind string) bool { return !f.Faults[kind] })
		if !f.Status.Ready && len(faults) == 0 {
			faults = []string{"webhooks"} // whose secrets cannot be read
		}
		s := notice.Standing{Portal: f.Status.Portal, Faults: faults, Problem: f.Status.Problem, LastPass: f.Status.LastSync}
		if f.Holdings != nil {
			s.Backfilled, s.Gifts, s.Quarantined = &f.Holdings.Backfilled, f.Holdings.Gifts, f.Holdings.Quarantined
		}
		standings[i] = s
	}
	return standings
}
