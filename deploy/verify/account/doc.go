// Package account plays an AWS account on this machine, and runs the scripts in deploy/ecs
// against it from end to end, while people use the board.
//
//	front      what the scripts take for AWS; it writes down each call
//	emulator   moto, for all that is only kept: the stack, rules, task definitions, logs
//	scheduler  ECS: services, deployments, tasks
//	host       an instance, whose containers podman runs from the task definitions
//	alb        the load balancer: haproxy, with the rules of the listener in the emulator
//	cloudmap   the names that tasks find each other by
//	ecr        the registry
//
// What is not played, and so not checked here: whether IAM allows what is called, and
// tasks what they do (nobody is refused anything); the user data, of which only the cluster,
// the volume and the attribute are read, and so the attachment of the volume by the
// instance; security groups and routes; how long an ALB takes until a rule holds
// everywhere (here it holds at once), and its second node; the ECS agent's own failures,
// and the load of other tasks; that a resolver remembers answers (that there is none, it
// does remember here); alarms and metric filters, which are made and never fire;
// a stack that fails halfway, and is rolled back.
package account
