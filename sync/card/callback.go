package card

import (
	"context"
	"fmt"
	"sync"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
)

const (
	// answerEvery is how often the ledgers are looked at for workflows that wait.
	answerEvery = 5 * time.Second
	// answerAfter is how long the answer to HubSpot's own request has to arrive.
	answerAfter = 5 * time.Second
	// answerAgain is the pause after a callback that HubSpot did not take.
	answerAgain = time.Minute
	// goneAfter is how long a workflow that HubSpot does not know to wait is called
	// again: it may not have taken note yet of our answer that it has to wait.
	goneAfter = 10 * time.Minute
)

// KeepAnswering tells workflows what came of the gifts that they wait for, until ctx
// ends. A workflow that HubSpot has let go on meanwhile gets nothing. It returns
// when no gift of a workflow is under way any more: the state files may be closed then.
func (s *Server) KeepAnswering(ctx context.Context) {
	var portals sync.WaitGroup
	for i := range s.apps {
		for _, p := range s.apps[i].Portals {
			portals.Go(func() { s.keepAnswering(ctx, p) })
		}
	}
	portals.Wait()
	s.asking.end()
}

// keepAnswering is KeepAnswering for one portal, which holds no other.
func (s *Server) keepAnswering(ctx context.Context, p *Portal) {
	for ctx.Err() == nil {
		pause := answerEvery
		if err := s.answer(ctx, p); err != nil && ctx.Err() == nil {
			pause = answerAgain
			s.log.Warn("workflows that wait for gifts could not be answered", keyPortal, p.Name, keyError, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// answer tells the workflows that wait for sends of one portal which are over.
func (s *Server) answer(ctx context.Context, p *Portal) error {
	state, err := p.State()
	if err != nil {
		return err
	}
	open, err := state.OpenSends()
	if err != nil {
		return err
	}
	var early error
	for _, e := range open {
		if !owed(e, time.Now()) {
			continue
		}
		err := s.tell(ctx, p, e)
		if err != nil {
			err = fmt.Errorf("send %s: %w", e.ID, err)
		}
		switch {
		case isGone(err):
			early = err // the others do not wait for that
		case err != nil:
			return err
		}
	}
	return early
}

// isGone reports whether an error says that no workflow waits.
func isGone(err error) bool {
	said, is := hubspot.AsError(err)
	return is && (said.Kind == hubspot.NotFound || said.Kind == hubspot.Refused)
}

// owed reports whether a workflow is to get the outcome of a send.
func owed(e store.Send, now time.Time) bool {
	over := e.Callback != "" && e.Called.IsZero() && outcomeOf(e).Fields.State != Block
	return over && now.Sub(e.Ended).Abs() >= answerAfter // our clock may have been ahead
}

// tell tells the workflow that waits for a send what came of it.
func (s *Server) tell(ctx context.Context, p *Portal, e store.Send) error {
	client, err := p.HubSpot()
	if err != nil {
		return err
	}
	desk, err := p.Desk()
	if err != nil {
		return err
	}
	f := outcomeOf(e).Fields
	fields := map[string]string{"hs_execution_state": string(f.State)}
	for name, value := range map[string]string{
		"thnks_transaction_id": f.Gift, "thnks_status": f.SendStatus, "thnks_reason": f.Reason, "errorCode": f.ErrorCode,
	} {
		if value != "" {
			fields[name] = value
		}
	}
	err = client.CompleteCallback(ctx, e.Callback, fields)
	gone := isGone(err) && time.Since(e.Ended).Abs() >= goneAfter
	if err != nil && !gone {
		return err
	}
	s.log.Info("workflow answered", keyPortal, p.Name, keySend, e.ID, keyState, string(f.State), "waits", !gone)
	return desk.Called(e.ID)
}
