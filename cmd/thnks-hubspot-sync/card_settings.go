package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"thnks-hubspot-sync/configs"
	giftapp "thnks-hubspot-sync/sync/app"
	"thnks-hubspot-sync/sync/card"
	"thnks-hubspot-sync/sync/daemon"
	giftportal "thnks-hubspot-sync/sync/portal"
)

// cardSettings says what of a portal is connected, and what is missing. It asks
// neither HubSpot nor Thnks: check does.
func cardSettings(ctx context.Context, d *daemon.Daemon, p configs.Portal) (card.Settings, error) {
	j, err := d.StateFile(p.Name)
	if err != nil {
		return card.Settings{}, err
	}
	grant, err := giftapp.StandingOf(j)
	if err != nil {
		return card.Settings{}, err
	}
	all, err := d.Status(ctx)
	if err != nil {
		return card.Settings{}, err
	}
	said := card.Settings{Portal: p.Name, Account: strconv.FormatInt(p.HubSpot.AccountID, 10)}
	said.Parts = append(said.Parts, accessPart(p, grant))
	if grant.Connected {
		said.Parts = append(said.Parts, scopesPart(p, grant))
	}
	for _, st := range all {
		if st.Portal != p.Name {
			continue
		}
		if !st.LastSync.IsZero() {
			at := st.LastSync.UTC()
			said.LastSync = &at
		}
		part := card.Part{Name: "sync", State: card.Connected, What: "gifts are copied into HubSpot"}
		if st.Problem != "" {
			part.State, part.What, part.Remedy = card.Broken, st.Problem, "your admin sees more with check --portal "+p.Name
		}
		said.Parts = append(said.Parts, part)
	}
	said.Parts = append(said.Parts, webhooksPart(p), sendingPart(p), sendersPart(p))
	return said, nil
}

func accessPart(p configs.Portal, g giftapp.Standing) card.Part {
	if g.Connected {
		return card.Part{Name: "access", State: card.Connected, What: fmt.Sprintf("account %s is connected through the app %s", g.Account, p.HubSpot.App)}
	}
	return card.Part{
		Name: "access", State: card.Broken, What: fmt.Sprintf("account %d is not connected through the app %s", p.HubSpot.AccountID, p.HubSpot.App),
		Remedy: "your admin runs connect --portal " + p.Name,
	}
}

func scopesPart(p configs.Portal, g giftapp.Standing) card.Part {
	var without []string
	for _, f := range giftportal.Lost(linkRules(p.Associations), g.Scopes) {
		without = append(without, f.Name+": "+f.Without)
	}
	if without == nil {
		return card.Part{Name: "scopes", State: card.Connected, What: "all scopes are granted"}
	}
	return card.Part{
		Name: "scopes", State: card.Missing, What: "scopes are missing; " + strings.Join(without, "; "),
		Remedy: "add them to the app as .github/docs/connect.md says, then connect again",
	}
}

func webhooksPart(p configs.Portal) card.Part {
	var names []string
	for _, h := range webhooksOf(p.Webhooks) {
		names = append(names, h.dialect)
	}
	if names == nil {
		return card.Part{
			Name: "webhooks", State: card.Missing, What: "no gift events are received: gifts change with each pass of the schedule",
			Remedy: "add webhooks.gift-events as .github/docs/webhooks.md says",
		}
	}
	return card.Part{Name: "webhooks", State: card.Connected, What: strings.Join(names, ", ") + " are received"}
}

func sendingPart(p configs.Portal) card.Part {
	switch {
	case p.Sending == nil:
		return card.Part{
			Name: "sending", State: card.Missing, What: "nothing is sent: there is no sending group in the configuration",
			Remedy: "add one as .github/docs/sending.md says",
		}
	case p.Sending.Stop:
		return card.Part{Name: "sending", State: card.Broken, What: "sending is stopped by sending.stop", Remedy: "remove it to send"}
	case p.Sending.TestMode:
		return card.Part{
			Name: "sending", State: card.Missing, What: "test mode: everything is tried, and no gift leaves",
			Remedy: "set sending.test_mode: false to send",
		}
	}
	return card.Part{Name: "sending", State: card.Connected, What: fmt.Sprintf("%d gifts can be sent", len(p.Sending.Catalogue))}
}

func sendersPart(p configs.Portal) card.Part {
	var names []string
	for _, k := range p.Thnks.Keys {
		names = append(names, k.Sender)
	}
	if names == nil {
		return card.Part{
			Name: "senders", State: card.Missing, What: "no user may send from HubSpot, as no API key names its sender",
			Remedy: "list the keys under thnks.keys, each with the sender's address",
		}
	}
	slices.Sort(names)
	return card.Part{Name: "senders", State: card.Connected, What: "may send: " + strings.Join(names, ", ")}
}
