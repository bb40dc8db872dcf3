package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/admin"
	"thnks-hubspot-sync/sync/doctor"
)

func (a *app) checkCommand() *cobra.Command {
	var (
		portal, adopt  string
		dryRun, asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "check",
		Short: "The doctor: what is wrong, and what to do about it",
		Long: `Looks at configuration, secrets, HubSpot account, custom object, clocks, state
file and journal, and says of each whether it is in order and, where it is not,
what to do. It changes nothing. Exit status 1 when something fails.

With --adopt it takes over a custom object that this program did not make: its
records stay as they are, and the missing properties are added.`,
		Example: `  thnks-hubspot-sync check
  thnks-hubspot-sync check --portal acme --json
  thnks-hubspot-sync check --adopt 2-1234567 --portal acme --dry-run`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case cmd.Flags().Changed("adopt"):
				return a.adopt(cmd.Context(), portal, adopt, dryRun, asJSON)
			case dryRun:
				return usagef("--dry-run is about --adopt: a check changes nothing anyway")
			default:
				return a.check(cmd.Context(), portal, asJSON)
			}
		},
	}
	f := cmd.Flags()
	f.StringVar(&portal, "portal", "", "only the portal `NAME`")
	f.StringVar(&adopt, "adopt", "", "take over the custom object with this `TYPE_ID`, such as 2-1234567")
	f.BoolVar(&dryRun, "dry-run", false, "with --adopt: say what would be done, write nothing anywhere")
	f.BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// adopt takes over a custom object.
func (a *app) adopt(ctx context.Context, portal, typeID string, dryRun, asJSON bool) error {
	s, err := a.session(portal, !asJSON)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.one("--adopt", "a custom object"); err != nil {
		return err
	}
	results := s.runAll(ctx, s.portals, func(configs.Portal) giftsync.Request {
		return giftsync.Request{Mode: giftsync.Adopt, Keys: []string{typeID}, DryRun: dryRun}
	})
	s.close()
	return a.reportRuns(results, asJSON, false)
}

// A checkup is everything that the doctor found, as it is printed.
type checkup struct {
	Findings []doctor.Finding `json:"findings"`
}

func (a *app) check(ctx context.Context, portal string, asJSON bool) error {
	var doc checkup
	s, err := a.session(portal, false)
	if err == nil {
		doc.Findings = append(s.checkHouse(a.configPath), s.checkPortals(ctx)...)
	} else if doc.Findings = beforeAll(err); doc.Findings == nil {
		return err
	}
	if asJSON {
		if err := writeJSON(a.stdout, doc); err != nil {
			return err
		}
	} else {
		printFindings(a.stdout, doc.Findings)
	}
	switch {
	case err != nil:
		return misused.asError()
	case doctor.Worst(doc.Findings) == doctor.Fail:
		return failed.asError()
	}
	return nil
}

// checkStateDir looks whether the state directory is there, or can be made.
func checkStateDir(dir string) doctor.Finding {
	f := doctor.Finding{Check: "state directory", Level: doctor.OK, What: dir + " is accessible to this user only"}
	var access *store.AccessError
	if errors.As(store.CanMakeDir(dir), &access) {
		f.Level, f.What, f.Remedy = doctor.Fail, access.Path+" "+access.Problem, "run `"+access.Remedy+"`, or name another state_dir"
	} else if _, err := os.Stat(dir); err != nil {
		f.What = dir + " does not exist yet; the first sync makes it"
	}
	return f
}

// beforeAll are the findings about a configuration that does not load, and
// about a state directory that cannot be used; nil where err is about something
// else.
func beforeAll(err error) []doctor.Finding {
	var access *store.AccessError
	if errors.As(err, &access) {
		return []doctor.Finding{{
			Check: "state directory", Level: doctor.Fail,
			What: access.Path + " " + access.Problem, Remedy: "run `" + access.Remedy + "`",
		}}
	}
	var path *fs.PathError
	if errors.As(err, &path) { // of the state directory: see [store.CheckDir]
		return []doctor.Finding{{
			Check: "state directory", Level: doctor.Fail,
			What: path.Path + ": " + path.Err.Error(), Remedy: "name a state_dir that this user can reach",
		}}
	}
	var load *configs.LoadError
	if !errors.As(err, &load) {
		return nil
	}
	findings := make([]doctor.Finding, len(load.Problems))
	for i, p := range load.Problems {
		at := load.File
		if p.Line > 0 {
			at += ":" + strconv.Itoa(p.Line)
		}
		what := at + ": " + p.What
		if p.Key != "" {
			what = at + ": " + p.Key + ": " + p.What
		}
		findings[i] = doctor.Finding{Check: "configuration", Level: doctor.Fail, What: what, Remedy: p.Remedy}
	}
	return findings
}

// checkHouse looks at what all portals share.
func (s *session) checkHouse(configPath string) []doctor.Finding {
	findings := []doctor.Finding{{
		Check: "configuration", Level: doctor.OK,
		What: fmt.Sprintf("%s is in order: portals %d, schedule %s UTC", configPath, len(s.cfg.Portals), s.cfg.Schedule),
	}}
	findings = append(findings, s.checkHouseSecrets()...)
	dir := checkStateDir(s.cfg.StateDir)
	daemon := doctor.Finding{Check: "daemon", Level: doctor.OK, What: "answers on " + s.socket()}
	switch _, err := s.daemon(); {
	case errors.Is(err, admin.ErrNotRunning):
		daemon.Level, daemon.What = doctor.Warn, "does not run: nothing is synced by itself"
		daemon.Remedy = "start it: thnks-hubspot-sync run, or systemctl start thnks-hubspot-sync"
	case err != nil:
		daemon.Level, daemon.What, daemon.Remedy = doctor.Fail, err.Error(), "stop what holds the socket, then start the daemon again"
	}
	return append(findings, dir, daemon)
}

// checkHouseSecrets returns what is wrong with the secrets that no portal has for
// itself.
func (s *session) checkHouseSecrets() []doctor.Finding {
	var findings []doctor.Finding
	add := func(err error) {
		if err != nil {
			findings = append(findings, doctor.Finding{
				Check: "credentials", Level: doctor.Fail, What: err.Error(),
				Remedy: "put the secret, and nothing else, into a file that only its owner can read (chmod 600)",
			})
		}
	}
	_, err := s.adminToken()
	add(err)
	for _, app := range s.cfg.HubSpotApps {
		_, err := s.grants.app(app.Name)
		add(err)
	}
	if file := s.cfg.Notices.SlackURLFile; file != "" {
		if _, err := s.cfg.ReadSecret(file); err != nil {
			add(fmt.Errorf("notices.slack_url_file: %w", err))
		}
	}
	if m := s.cfg.Notices.SMTP; m != nil && m.PasswordFile != "" {
		if _, err := s.cfg.ReadSecret(m.PasswordFile); err != nil {
			add(fmt.Errorf("notices.smtp.password_file: %w", err))
		}
	}
	if slices.ContainsFunc(s.cfg.Portals, func(p configs.Portal) bool { return p.HubSpot.App != "" }) {
		if _, err := s.cfg.ReadMasterKeys(); err != nil {
			add(fmt.Errorf("master_key_file: %w", err))
		}
	}
	return findings
}

// checkPortals looks at the portals, one after the other: the doctor is in no
// hurry, and so takes little of the accounts' limits.
func (s *session) checkPortals(ctx context.Context) []doctor.Finding {
	var all []doctor.Finding
	for _, p := range s.portals {
		findings, err := ask(s, func(d service) ([]doctor.Finding, error) { return d.Check(ctx, p.Name) })
		if errors.Is(err, admin.ErrVersion) {
			findings, err = append(s.checkSecrets(p), doctor.Finding{
				Portal: p.Name, Check: "portal", Level: doctor.Warn,
				What:   "the daemon runs another version of this program, and has the state file",
				Remedy: "restart it (systemctl restart thnks-hubspot-sync), then check again",
			}), nil
		}
		if err != nil {
			findings = append(findings, openFailed(p.Name, err))
		}
		all = append(all, findings...)
	}
	return all
}

// checkSecrets looks at the portal's secret files, without using what is in
// them.
func (s *session) checkSecrets(p configs.Portal) []doctor.Finding {
	var findings []doctor.Finding
	add := func(key, file string) {
		if file == "" {
			return
		}
		f := doctor.Finding{Portal: p.Name, Check: "credentials", Level: doctor.OK, What: key + " is readable, and by its owner alone"}
		if _, err := s.cfg.ReadSecret(file); err != nil {
			f.Level, f.What = doctor.Fail, key+": "+err.Error()
			f.Remedy = "put the secret into a file of that name that only its owner can read (chmod 600)"
		}
		findings = append(findings, f)
	}
	add("hubspot.token_file", p.HubSpot.TokenFile)
	add("thnks.api_key_file", p.Thnks.APIKeyFile)
	for i, k := range p.Thnks.Keys {
		add(fmt.Sprintf("thnks.keys[%d].api_key_file", i), k.APIKeyFile)
	}
	for _, h := range webhooksOf(p.Webhooks) {
		key := "webhooks." + h.dialect
		f := doctor.Finding{Portal: p.Name, Check: "credentials", Level: doctor.OK, What: key + ": its secrets are readable and of the right form"}
		if _, err := s.scheme(h); err != nil {
			f.Level, f.What = doctor.Fail, key+": "+err.Error()
			f.Remedy = "copy the secret from where the webhook is set up into its file (chmod 600), then reload the service"
		}
		findings = append(findings, f)
		if h.settings.Scheme == configs.SchemeHMAC && h.settings.TimestampHeader == "" {
			findings = append(findings, doctor.Finding{
				Portal: p.Name, Check: "webhooks", Level: doctor.Warn,
				What:   key + ": without timestamp_header a request that someone recorded is accepted again at any time; a repeat has no effect, but is known as one for 30 days only",
				Remedy: "if the sender signs the time, name its header in timestamp_header; otherwise change the secret when requests may have been recorded",
			})
		}
	}
	return findings
}

// openFailed is the finding about a portal that cannot be opened.
func openFailed(portal string, err error) doctor.Finding {
	f := doctor.Finding{Portal: portal, Check: "portal", Level: doctor.Fail, What: err.Error(), Remedy: "fix that, then check again"}
	var locked *store.LockedError
	if errors.As(err, &locked) {
		f.Level, f.Remedy = doctor.Warn, "check again when that command has ended, or while the daemon runs"
	}
	return f
}

// printFindings writes one line for each finding, its remedy below it, and
// counts them.
func printFindings(w io.Writer, findings []doctor.Finding) {
	width := 0
	for _, f := range findings {
		width = max(width, len(f.Check))
	}
	counts := make(map[doctor.Level]int)
	portal := ""
	for _, f := range findings {
		if f.Portal != portal {
			portal = f.Portal
			fmt.Fprintf(w, "%s:\n", portal)
		}
		counts[f.Level]++
		fmt.Fprintf(w, "  %-4s  %-*s  %s\n", f.Level, width, f.Check, printable(f.What))
		if f.Remedy != "" {
			fmt.Fprintf(w, "        %*s  → %s\n", width, "", printable(f.Remedy))
		}
	}
	fmt.Fprintf(w, "%d ok, %d to look at, %d failing\n", counts[doctor.OK], counts[doctor.Warn], counts[doctor.Fail])
}
