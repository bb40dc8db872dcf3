package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/admin"
	"thnks-hubspot-sync/sync/send"
)

func sendCommand(a *app) *cobra.Command {
	var f sendFlags
	cmd := &cobra.Command{
		Use:   "send",
		Short: "Send a Thnks, once, if the guards of the configuration let it pass",
		Long: `Sends a gift to each recipient, if the portal's sending group in the configuration
lets it pass: test mode is off, the recipient allowed, the gift in the catalogue,
the budget not spent, and so on. What stops a gift is said, and audited.

With --request-id, the same command sends nothing twice, however often it is
repeated. Without it, the command chooses an id and prints it. In the message,
{first_name}, {last_name} and {email} stand for the recipient's.

Exit status 0: sent, or scheduled. 1: not sent, held for approval, or unknown.`,
		Example: `  thnks-hubspot-sync send --portal acme --gift 5659 --to bea@acme.example --message "Thank you!"
  thnks-hubspot-sync send --portal acme --gift 5659 --to "Bea Smith <bea@acme.example>" --message "Thank you, {first_name}!" --at "2026-12-24 09:00" --request-id xmas-bea`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.send(cmd.Context(), a) },
	}
	cmd.PersistentFlags().StringVar(&f.portal, "portal", "", "the portal `NAME`")
	cmd.PersistentFlags().BoolVar(&f.json, "json", false, "print one JSON document")
	cmd.Flags().Int64Var(&f.order.Gift, "gift", 0, "the gift's `NUMBER`, at the end of its address in Thnks")
	cmd.Flags().StringArrayVar(&f.to, "to", nil, "recipient's `ADDRESS`, with a name if you like; once for each recipient")
	cmd.Flags().StringVar(&f.order.Message, "message", "", "`TEXT` of the message")
	cmd.Flags().StringVar(&f.order.Sender, "sender", "", "send with the key of this `ADDRESS`, where the portal has several")
	cmd.Flags().StringVar(&f.order.At, "at", "", "`TIME` to send at: \"2026-12-24 09:00\" in the portal's zone, or 2026-12-24T09:00:00+01:00")
	cmd.Flags().StringVar(&f.order.Request, "request-id", "", "`ID` of the cause: a repeat with it sends nothing twice")
	cmd.Flags().StringVar(&f.named.Contact, "contact", "", "HubSpot `ID` of the recipient's contact: the gift is linked to it, whichever contact has the address")
	cmd.Flags().StringVar(&f.named.Company, "company", "", "HubSpot `ID` of the company to link the gift to")
	cmd.Flags().StringArrayVar(&f.named.Deals, "deal", nil, "HubSpot `ID` of a deal to link the gift to; once for each deal")
	cmd.AddCommand(sendListCommand(a, &f), sendResolveCommand(a, &f),
		sendChangeCommand(a, &f, send.Approve, "approve ID...", "Send gifts that are held for approval"),
		sendChangeCommand(a, &f, send.Cancel, "cancel ID...", "Stop gifts that are scheduled or held"))
	return cmd
}

func sendListCommand(a *app, f *sendFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Print the ledger: what was sent, what waits, what is unknown, and why",
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return f.list(cmd.Context(), a) },
	}
	cmd.Flags().BoolVar(&f.query.Open, "open", false, "only those to which something is still to happen")
	cmd.Flags().IntVar(&f.query.Limit, "limit", 50, "the newest `N`; 0 for all")
	return cmd
}

func sendChangeCommand(a *app, f *sendFlags, action send.Action, use, short string) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, ids []string) error {
			return f.change(cmd.Context(), a, send.Change{Action: action, IDs: ids})
		},
	}
}

func sendResolveCommand(a *app, f *sendFlags) *cobra.Command {
	var sent, notSent bool
	cmd := &cobra.Command{
		Use:   "resolve [ID]...",
		Short: "Say what became of gifts whose outcome is unknown, or turn sending on again",
		Long: `Says of gifts whose outcome is unknown whether they were sent. Look in Thnks
first, among what the sender has sent: a gift that is said not to have been sent
can be asked for again.

Without an id it turns sending on again, after the state file was restored or
rebuilt and a person has looked what was sent meanwhile.`,
		Example: `  thnks-hubspot-sync send resolve xmas-bea --sent --portal acme
  thnks-hubspot-sync send resolve --portal acme`,
		RunE: func(cmd *cobra.Command, ids []string) error {
			c := send.Change{Action: send.Resume, IDs: ids}
			switch {
			case sent && notSent:
				return usagef("--sent and --not-sent exclude each other")
			case len(ids) > 0 && !sent && !notSent:
				return usagef("say what became of them: --sent or --not-sent")
			case len(ids) == 0 && (sent || notSent):
				return usagef("say of which gifts: their ids are in send list")
			case sent:
				c.Action = send.ResolveSent
			case notSent:
				c.Action = send.ResolveUnsent
			}
			return f.change(cmd.Context(), a, c)
		},
	}
	cmd.Flags().BoolVar(&sent, "sent", false, "they were sent")
	cmd.Flags().BoolVar(&notSent, "not-sent", false, "they were not sent")
	return cmd
}

type sendFlags struct {
	portal string
	json   bool
	to     []string
	named  send.Recipient // its HubSpot ids, of the only recipient
	order  send.Order
	query  send.Query
}

// sent is what became of an order, or of what a person has decided.
type sent struct {
	Portal string     `json:"portal"`
	Sends  []send.Row `json:"sends"`
}

func (f sendFlags) send(ctx context.Context, a *app) error {
	switch {
	case f.order.Gift <= 0:
		return usagef("--gift: give the number at the end of the gift's address in Thnks")
	case len(f.to) == 0:
		return usagef("--to: say who gets the gift")
	case strings.TrimSpace(f.order.Message) == "":
		return usagef("--message: give the text, which Thnks requires")
	case len(f.to) > 1 && !reflect.DeepEqual(f.named, send.Recipient{}):
		return usagef("--contact, --company and --deal are of one recipient: give one --to, and send to the others by further commands")
	}
	for _, to := range f.to {
		r, err := send.ParseRecipient(to)
		if err != nil {
			return usagef("--to: %w", err)
		}
		r.Contact, r.Company, r.Deals = f.named.Contact, f.named.Company, f.named.Deals
		f.order.To = append(f.order.To, r)
	}
	s, err := a.session(f.portal, false)
	if err != nil {
		return err
	}
	if err := s.one("send", "a gift"); err != nil {
		return err
	}
	f.order.Cause = send.Command
	if f.order.Request == "" {
		f.order.Request = "c-" + rand.Text()[:16]
	}
	portal := s.portals[0].Name
	rows, err := askSender(s, func(d admin.Sender) ([]send.Row, error) { return d.Send(ctx, portal, f.order) })
	if err != nil && statusOf(err) != misused {
		return fmt.Errorf("portal %s: %w; what became of it is in 'send list'; to ask for it again so that nothing is sent twice, repeat the command with --request-id %s", portal, err, f.order.Request)
	}
	if err != nil {
		return fmt.Errorf("portal %s: %w", portal, err)
	}
	return reportSends(a, portal, rows, f.json)
}

func (f sendFlags) change(ctx context.Context, a *app, c send.Change) error {
	s, err := a.session(f.portal, false)
	if err != nil {
		return err
	}
	if err := s.one("send "+strings.Fields(string(c.Action))[0], "a send"); err != nil {
		return err
	}
	portal := s.portals[0].Name
	rows, err := askSender(s, func(d admin.Sender) ([]send.Row, error) { return d.ChangeSends(ctx, portal, c) })
	if err != nil {
		return fmt.Errorf("portal %s: %w", portal, err)
	}
	if c.Action == send.Resume && !f.json {
		fmt.Fprintf(a.stdout, "%s: sending is on again, as far as the configuration lets it\n", portal)
	}
	if c.Action == send.Approve || f.json {
		return reportSends(a, portal, rows, f.json)
	}
	printSends(a.stdout, portal, rows)
	return nil
}

// reportSends prints what became of sends. One that will not arrive, or waits for a
// person, fails the command.
func reportSends(a *app, portal string, rows []send.Row, asJSON bool) error {
	worst := done
	if slices.ContainsFunc(rows, fails) {
		worst = failed
	}
	if asJSON {
		if rows == nil {
			rows = []send.Row{}
		}
		if err := writeJSON(a.stdout, document[sent]{Portals: []sent{{portal, rows}}}); err != nil {
			return err
		}
		return worst.asError()
	}
	printSends(a.stdout, portal, rows)
	return worst.asError()
}

// fails reports whether a send will not arrive as it is, or waits for a person.
func fails(r send.Row) bool {
	return r.State != store.SendSent && r.State != store.SendScheduled && r.State != store.SendCancelled
}

func (f sendFlags) list(ctx context.Context, a *app) error {
	if f.query.Limit < 0 {
		return usagef("--limit %d: at least 1, or 0 for all", f.query.Limit)
	}
	s, err := a.session(f.portal, false)
	if err != nil {
		return err
	}
	lists := []send.List{}
	worst := done
	for _, p := range s.portals {
		l, err := askSender(s, func(d admin.Sender) (send.List, error) { return d.Sends(ctx, p.Name, f.query) })
		if err != nil {
			printError(a.stderr, "portal "+p.Name+": "+said(err))
			worst = worst.worse(statusOf(err))
			continue
		}
		lists = append(lists, l)
	}
	if f.json {
		if err := writeJSON(a.stdout, document[send.List]{Portals: lists}); err != nil {
			return err
		}
		return worst.asError()
	}
	for _, l := range lists {
		printLedger(a.stdout, l)
	}
	return worst.asError()
}

// askSender is [ask] for sending. Nothing is asked twice: what a daemon did not
// answer may have been done.
func askSender[T any](s *session, f func(admin.Sender) (T, error)) (T, error) {
	return askWith(s, func(d *admin.Client) (T, error) { return f(d) }, func() (T, error) { return f(localService{s}) })
}

// errNoSending says that a portal's configuration lets nothing be sent.
var errNoSending = fmt.Errorf("%w: the portal has no sending group in the configuration, and sends nothing", send.ErrOrder)

// Send implements [admin.Sender].
func (l localService) Send(ctx context.Context, name string, o send.Order) ([]send.Row, error) {
	return l.atDesk(ctx, name, func(d *send.Desk) ([]store.Send, error) { return d.Ask(ctx, o) })
}

// ChangeSends implements [admin.Sender].
func (l localService) ChangeSends(ctx context.Context, name string, c send.Change) ([]send.Row, error) {
	return l.atDesk(ctx, name, func(d *send.Desk) ([]store.Send, error) { return d.Change(ctx, c) })
}

func (l localService) atDesk(ctx context.Context, name string, f func(*send.Desk) ([]store.Send, error)) ([]send.Row, error) {
	p := l.portal(name)
	// An interrupt lets no other gift begin. The answer for one under way is waited for, as
	// no daemon has to be gone in time.
	open := deskOf(context.WithoutCancel(ctx), l.s, p)
	if open == nil {
		return nil, errNoSending
	}
	j, err := l.s.openState(name, true)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	desk, err := open(j, nil)
	if err != nil {
		return nil, err
	}
	all, err := f(desk)
	if showErr := l.show(ctx, p, j); showErr != nil {
		l.s.log.Warn("the gifts are not in HubSpot yet; the next run writes them", logPortal, name, logError, showErr)
	}
	return send.Rows(all), err
}

// show writes what was done to gifts into HubSpot.
func (l localService) show(ctx context.Context, p configs.Portal, j *store.Store) error {
	due, err := j.UnshownSends()
	if err != nil || len(due) == 0 {
		return err
	}
	open, err := l.s.connect(p, stateOf(j), nil)
	if err != nil {
		return err
	}
	_, err = open.engine.ShowSends(ctx)
	return err
}

// TryTriggers implements [admin.Sender].
func (l localService) TryTriggers(ctx context.Context, name string, t send.Trial) (tried []send.Tried, err error) {
	_, err = l.atDesk(ctx, name, func(d *send.Desk) ([]store.Send, error) {
		tried, err = d.Try(ctx, t)
		return nil, err
	})
	return tried, err
}

// FireEvents implements [admin.Sender].
func (l localService) FireEvents(ctx context.Context, name string, seqs []uint64) (fired []send.Fired, err error) {
	_, err = l.atDesk(ctx, name, func(d *send.Desk) ([]store.Send, error) {
		fired, err = d.Fire(ctx, seqs)
		return nil, err
	})
	return fired, err
}

// Sends implements [admin.Sender].
func (l localService) Sends(ctx context.Context, name string, q send.Query) (send.List, error) {
	j, err := l.s.readState(name)
	if err != nil {
		return send.List{}, err
	}
	defer j.Close()
	return send.ListSends(ctx, name, j, sendRules(l.portal(name), j), q)
}
