// Package doctor examines a portal: what is wrong, and what to do about it.
//
// [Check] looks at the HubSpot account and its token, the custom object, the
// Thnks keys, the clocks, and the state file, and returns one [Finding] for each
// thing it looked at. It changes nothing, and works while a run is under way.
package doctor
