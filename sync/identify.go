package sync

import "context"

// identify makes sure, before anything is read from or written to the portal,
// that the token belongs to the account that this portal is bound to.
func (r *run) identify(ctx context.Context) error {
	if r.identified {
		return nil
	}
	learnt, pinned, err := r.whose(ctx)
	if err != nil {
		return err
	}
	r.identified = true
	if learnt == pinned {
		return nil
	}
	return r.remember(metaAccount, learnt)
}

// whose asks which account the token belongs to, and fails where the portal is
// bound to another. pinned is what was remembered, zero before the first run.
func (r *run) whose(ctx context.Context) (learnt, pinned account, err error) {
	got, err := r.CRM.Account(ctx)
	if err != nil {
		return learnt, pinned, err
	}
	if _, err := recall(r.Journal, metaAccount, &pinned); err != nil {
		return learnt, pinned, err
	}
	for _, want := range []string{r.AccountID, pinned.ID} {
		if want != "" && want != got.ID {
			return learnt, pinned, &Fatal{
				What:   "the HubSpot token belongs to account " + got.ID + ", but this portal is bound to account " + want,
				Remedy: "put a token of account " + want + " into token_file, or give the other account a portal of its own (a state file never changes its account); nothing was written",
			}
		}
	}
	return account{ID: got.ID, TimeZone: got.TimeZone}, pinned, nil
}
