//! Instances of worker services: messages find a place or none, and everything in an instance ends together.

use std::future::Future;
use std::pin::Pin;

use ork_core::task::TaskSpec;
use ork_core::time::Millis;

use super::Simulation;
use crate::fault::Fault;
use crate::process::{End, Process, Served, WORKER};
use crate::serve::{HOLD, Here, give_back, serve, serve_handed};
use crate::world::services::Order;
use crate::world::{Handle, Item};

/// Times that a message comes before it is a dead letter.
const DELIVERIES: u32 = 10;
/// What is left to a process that was told to end.
const GRACE: Millis = Millis::from_secs(8);

type Work = Pin<Box<dyn Future<Output = End> + Send>>;

impl Simulation {
    /// A message arrives at some instance of its service.
    pub(super) fn pushed(&mut self, order: Order, tries: u32) {
        let (site, ends) = {
            let mut inner = self.world.lock();
            inner.tell(|| format!("arrives: {} of {}", order.index, order.batch));
            (
                self.site_of(&mut inner, order.topic),
                inner.hit(Fault::ServiceEnds),
            )
        };
        if ends {
            self.told_to_end(site);
        }
        if !self.has_place(site) {
            self.world.lock().tell(|| "there is no place".into());
            return self.comes_again(order, tries);
        }
        let again = tries > 0;
        let push = Some((order.clone(), tries));
        self.serve_at(site, push, |handle, here| {
            Box::pin(serve(handle, here, order, again))
        });
    }

    /// What was handed on to one instance comes to another, too, or to the same.
    pub(super) fn handed(&mut self, spec: Box<TaskSpec>, topic: usize) {
        let site = self.site_of(&mut self.world.lock(), topic);
        if self.has_place(site) {
            self.serve_at(site, None, |handle, here| {
                Box::pin(serve_handed(handle, here, spec))
            });
        }
    }

    fn serve_at(
        &mut self,
        site: usize,
        push: Option<(Order, u32)>,
        work: impl FnOnce(Handle, Here) -> Work,
    ) {
        let handle = self.world.handle(WORKER, self.skew());
        let since = self.world.lock().now;
        let topic = site / self.instances_of_a_service();
        let future = work(handle, Here { site, topic, since });
        self.spawn_served(future, Served { site, push, since });
    }

    fn spawn_served(&mut self, future: Work, served: Served) {
        let at = self.slot();
        self.spawn(
            at,
            Process {
                future,
                instance: WORKER,
                message: None,
                handles: false,
                attempt: None,
                asleep: false,
                served: Some(served),
            },
        );
    }

    fn instances_of_a_service(&self) -> usize {
        self.plan.lane.as_ref().map_or(1, |lane| lane.instances)
    }

    fn site_of(&self, inner: &mut crate::world::Inner, topic: usize) -> usize {
        let instances = self.instances_of_a_service();
        let nth = inner.random.below(instances as u64);
        topic * instances + usize::try_from(nth).unwrap_or(0)
    }

    fn has_place(&self, site: usize) -> bool {
        let places = self.plan.lane.as_ref().map_or(0, |lane| lane.places);
        let taken = self.served_at(site).count();
        taken < places && !self.world.lock().services.sites[site].ending
    }

    fn served_at(&self, site: usize) -> impl Iterator<Item = usize> + '_ {
        let all = self.processes.iter().enumerate();
        all.filter(move |(_, process)| {
            let served = process.as_ref().and_then(|process| process.served.as_ref());
            served.is_some_and(|served| served.site == site)
        })
        .map(|(at, _)| at)
    }

    /// A process dies, and everything in it; what was not acknowledged comes again.
    pub(super) fn perish(&mut self, site: usize) {
        let dead: Vec<usize> = self.served_at(site).collect();
        for at in dead {
            self.unanswered(at);
        }
        self.world.lock().services.renew(site);
    }

    /// Whoever pushed to a process has no answer, or one that says that nothing was begun.
    pub(super) fn unanswered(&mut self, at: usize) {
        let served = self.processes[at]
            .as_mut()
            .and_then(|process| process.served.take());
        self.end(at);
        let Some(Served {
            push: Some((order, tries)),
            since,
            ..
        }) = served
        else {
            return;
        };
        let held = self.world.lock().now.since(since) <= HOLD;
        if held {
            self.comes_again(order, tries);
        }
    }

    /// A process has dealt with its message, and is believed or not.
    pub(super) fn acknowledge(&mut self, at: usize) {
        let served = self.processes[at]
            .as_ref()
            .and_then(|process| process.served.clone());
        if let Some(Served {
            push: Some((order, tries)),
            ..
        }) = served
            && self.world.lock().hit(Fault::PushUnacknowledged)
        {
            self.comes_again(order, tries);
        }
    }

    fn comes_again(&mut self, order: Order, tries: u32) {
        let mut inner = self.world.lock();
        if tries + 1 >= DELIVERIES {
            return inner.tell(|| "a message is a dead letter".into());
        }
        let pause = (inner.random.between(1_000, 10_000) << tries.min(6)).min(600_000);
        let at = inner.now + Millis(pause);
        inner.schedule(at, Item::Push(order, tries + 1));
    }

    /// An instance is to end: what it is at is given back as lost, and nothing is begun.
    fn told_to_end(&mut self, site: usize) {
        {
            let mut inner = self.world.lock();
            let now = inner.now;
            let is = &mut inner.services.sites[site];
            if std::mem::replace(&mut is.ending, true) {
                return;
            }
            let life = is.life;
            inner.tell(|| format!("instance {site} is told to end"));
            inner.schedule(now + GRACE, Item::Ended(site, life));
        }
        let all: Vec<usize> = self.served_at(site).collect();
        for at in all {
            let claimed = self.world.lock().lets_go(at);
            let Some((spec, name)) = claimed else {
                self.unanswered(at);
                continue;
            };
            self.end(at);
            let handle = self.world.handle(WORKER, 0);
            let since = self.world.lock().now;
            let push = None;
            let future: Work = Box::pin(give_back(handle, spec, name));
            self.spawn_served(future, Served { site, push, since });
        }
    }

    /// The time of an instance that was told to end is over.
    pub(super) fn ended(&mut self, site: usize, life: u64) {
        let same = self.world.lock().services.sites[site].life == life;
        if same {
            self.perish(site);
        }
    }
}
