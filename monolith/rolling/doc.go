// Package rolling holds tests of deployments: processes of two versions of the users
// service on one data folder, real ones, that relieve each other under load, forward and
// back. Their clients send nothing twice, and nothing may fail. After an explicit migrate
// the older version may only forward, and says so.
package rolling
