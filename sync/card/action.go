package card

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/send"
)

// WorkflowCause is the cause of an order from a workflow, in the ledger.
const WorkflowCause = "workflow"

// The codes of [OutputFields].ErrorCode that are no guard's.
const (
	codeOrder      = "order"       // the action's input cannot be sent as it is
	codeSendingOff = "sending_off" // the portal sends nothing
)

const (
	maxAsking    = 8               // gifts that workflows send at the same time; the others wait in the ledger
	askTime      = 4 * time.Second // how long an answer waits for Thnks
	maxCallback  = 200             // bytes of a callback id
	optionsPage  = 100
	wasNotSent   = "No gift was sent: "
	approvalWait = "a person must approve it first"
)

// ledgerID matches the callback ids that are request ids as they are.
var ledgerID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)

// requestOf is the request id of an execution: its callback id, which is the same in
// each repeat, or a digest of it where the ledger could not take it.
func requestOf(callback string) string {
	if ledgerID.MatchString(callback) {
		return callback
	}
	sum := sha256.Sum256([]byte(callback))
	return "callback-" + hex.EncodeToString(sum[:16])
}

// execute executes the workflow action. An error makes HubSpot repeat the request,
// for three days; what the workflow's owner has to change is no error.
func (s *Server) execute(ctx context.Context, v visit) (any, error) {
	var e Execution
	if err := json.Unmarshal(v.body, &e); err != nil || e.CallbackID == "" || len(e.CallbackID) > maxCallback {
		return nil, problem(BadRequest, "The body is no execution of a workflow action, with its callbackId.")
	}
	state, err := v.portal.State()
	if err != nil {
		return nil, err
	}
	id := requestOf(e.CallbackID)
	desk, err := v.portal.Desk()
	if errors.Is(err, send.ErrOrder) {
		return refused(codeSendingOff, "sending is not set up; ask your admin to add a sending group to the configuration"), nil
	}
	if err != nil {
		return nil, err
	}
	known, is, err := state.Send(id)
	if err != nil {
		return nil, err
	}
	if is { // a repeat is answered with what came of the first request
		return s.settled(v.portal, desk, known), nil
	}
	o, why := orderOf(e, id)
	if why != "" {
		return refused(codeOrder, why), nil
	}
	sent, err := s.ask(ctx, v.portal, desk, o)
	switch {
	case errors.Is(err, send.ErrOrder):
		return refused(codeOrder, said(err)), nil
	case errors.Is(err, store.ErrSendDiffers):
		return refused(codeOrder, "an earlier run of this action with the same id was for another gift"), nil
	case err != nil:
		return nil, err
	}
	return s.settled(v.portal, desk, sent), nil
}

// refused is the outcome of an execution that sends nothing.
func refused(code, why string) Outcome {
	return Outcome{OutputFields{State: FailContinue, SendStatus: string(store.SendRefused), Reason: wasNotSent + why, ErrorCode: code}}
}

// orderOf makes the order of an execution, or says why there is none.
func orderOf(e Execution, id string) (o send.Order, why string) {
	gift, err := strconv.ParseInt(strings.TrimSpace(e.Inputs.Gift), 10, 64)
	p := e.Object.Properties
	switch {
	case !strings.EqualFold(e.Object.Type, "CONTACT"):
		return o, "the action is for contacts, and this workflow is not about them"
	case err != nil || gift <= 0:
		return o, "no gift is chosen in the action"
	}
	if why := addressProblem(p.Email); why != "" {
		return o, why
	}
	return send.Order{
		Request: id, Cause: WorkflowCause, Gift: gift, Sender: e.Inputs.Sender, Message: e.Inputs.Message, Callback: e.CallbackID,
		To: []send.Recipient{{
			Email: p.Email, FirstName: strings.TrimSpace(p.FirstName), LastName: strings.TrimSpace(p.LastName),
			Contact: strconv.FormatInt(e.Object.ID, 10),
		}},
	}, ""
}

// ask takes an order, and sends it at once where few others are under way. It
// returns the send as it is after some seconds, whether or not Thnks has answered:
// the request is not broken off.
func (s *Server) ask(ctx context.Context, p *Portal, desk Desk, o send.Order) (store.Send, error) {
	taken, err := desk.Take(ctx, []send.Order{o})
	if err == nil {
		err = taken[0].Err
	}
	if err != nil {
		return store.Send{}, err
	}
	entered := taken[0].Sends[0]
	if !s.asking.begin() {
		p.Wake()
		return entered, nil
	}
	done := make(chan store.Send, 1)
	go func() {
		defer s.asking.finish()
		sent, err := desk.Dispatch(context.WithoutCancel(ctx), entered)
		if err != nil {
			p.Wake() // it is in the ledger, and is sent from there
		}
		done <- sent
	}()
	timer := time.NewTimer(askTime)
	defer timer.Stop()
	select {
	case sent := <-done:
		return sent, nil
	case <-timer.C:
		return entered, nil
	}
}

// asking are the gifts that workflows are sending at the moment. While there is any,
// the state file must stay open: its outcome would be unknown.
type asking struct {
	mu    sync.Mutex
	n     int
	ended bool
	all   sync.WaitGroup
}

// begin counts one more, unless there are as many as there may be, or the server
// ends; then it is sent from the ledger.
func (a *asking) begin() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended || a.n == maxAsking {
		return false
	}
	a.n++
	a.all.Add(1)
	return true
}

func (a *asking) finish() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.n--
	a.all.Done()
}

// end lets no further gift begin, and waits for those under way.
func (a *asking) end() {
	a.mu.Lock()
	a.ended = true
	a.mu.Unlock()
	a.all.Wait()
}

// settled is the outcome of an execution whose send is in the ledger. One that is not
// over yet lets the workflow wait for the callback of [Server.KeepAnswering].
func (s *Server) settled(p *Portal, desk Desk, e store.Send) Outcome {
	o := outcomeOf(e)
	if o.Fields.State != Block && e.Callback != "" && e.Called.IsZero() {
		// If this fails, HubSpot is called once more, and says that nothing waits.
		if err := desk.Called(e.ID); err != nil {
			s.log.Warn("the end of a workflow's wait could not be noted", keyPortal, p.Name, keySend, e.ID, keyError, err)
		}
	}
	return o
}

// outcomeOf is what a workflow gets as the outcome of a send.
func outcomeOf(e store.Send) Outcome {
	f := OutputFields{SendStatus: string(e.State), Gift: cmp.Or(e.TransactionID, plan.SendGiftID(e.ID))}
	switch e.State {
	case store.SendSent:
		f.State = Success
	case store.SendRefused, store.SendNotSent, store.SendCancelled:
		f.State, f.Gift = FailContinue, ""
		f.Reason = wasNotSent + cmp.Or(e.Reason, string(e.State))
		f.ErrorCode = cmp.Or(e.Guard, string(e.State))
	case store.SendHeld:
		f.State, f.Reason, f.ErrorCode = Block, approvalWait, e.Guard
	default:
		f.State = Block
	}
	return Outcome{f}
}

// options answers with the options of an input field of the action.
func (s *Server) options(_ context.Context, v visit) (any, error) {
	var r OptionsRequest
	if err := json.Unmarshal(v.body, &r); err != nil {
		return nil, problem(BadRequest, "The body is no request for options.")
	}
	o := Options{Options: []Option{}, Searchable: true}
	desk, err := v.portal.Desk()
	if errors.Is(err, send.ErrOrder) {
		return o, nil
	}
	if err != nil {
		return nil, err
	}
	var all []Option
	switch r.Field {
	case "gift":
		for _, item := range catalogueOf(desk.Rules()) {
			all = append(all, Option{item.Name, item.Price.Amount + " " + item.Price.Currency, strconv.FormatInt(item.Gift, 10)})
		}
	case "sender":
		for _, sender := range desk.Senders() {
			all = append(all, Option{Label: sender, Value: sender})
		}
	default:
		return nil, problem(BadRequest, "The action has no such input field with options.")
	}
	query := strings.ToLower(strings.TrimSpace(r.Fetch.Query))
	all = slices.DeleteFunc(all, func(o Option) bool { return !strings.Contains(strings.ToLower(o.Label+" "+o.Value), query) })
	if from, err := strconv.Atoi(r.Fetch.After); err == nil && from > 0 {
		all = all[min(from, len(all)):]
		if len(all) > optionsPage {
			o.After = strconv.Itoa(from + optionsPage)
		}
	} else if len(all) > optionsPage {
		o.After = strconv.Itoa(optionsPage)
	}
	o.Options = append(o.Options, all[:min(len(all), optionsPage)]...)
	return o, nil
}
